"""Deliberately naive forms of what the package computes cleverly: slow, short, plainly right."""

from __future__ import annotations

import itertools

import numpy as np


def tvs_matrix(links, span):
    """T from its definition."""
    count = len(links)
    matrix = np.zeros((count, count))
    for i, j in itertools.product(range(count), repeat=2):
        if 0 < abs(i - j) <= span:
            matrix[i, j] = np.prod([links[k] for k in range(min(i, j) + 1, max(i, j) + 1)])
    return matrix


def laplacian(links, span):
    matrix = tvs_matrix(links, span)
    return np.diag(matrix.sum(axis=1)) - matrix


def objective(data, atoms, codes, links, config):
    smooth = np.trace(codes @ laplacian(links, config.span) @ codes.T)
    fit = np.sum((data - atoms @ codes) ** 2)
    return 0.5 * fit + 0.5 * config.ridge * np.sum(codes**2) + 0.5 * config.smooth * smooth


def codes_by_projected_gradient(data, atoms, links, config, iterations):
    """Minimise over Z >= 0 without splitting, Sylvester equation or bands."""
    graph = laplacian(links, config.span)
    gram = atoms.T @ atoms
    bound = np.linalg.norm(gram, 2) + config.ridge + config.smooth * np.linalg.norm(graph, 2)
    codes = np.zeros((atoms.shape[1], data.shape[1]))
    for _ in range(iterations):
        slope = gram @ codes - atoms.T @ data + config.ridge * codes + config.smooth * codes @ graph
        codes = np.maximum(codes - slope / bound, 0.0)
    return codes


def sylvester_by_kronecker(left, right, shift, rhs):
    """V with left V + V right + shift V = rhs, by one dense system."""
    rows, columns = rhs.shape
    system = np.kron(np.eye(columns), left + shift * np.eye(rows)) + np.kron(right.T, np.eye(rows))
    return np.linalg.solve(system, rhs.T.ravel()).reshape(columns, rows).T


def run_cost(codes, floor):
    spread = np.mean(np.sum((codes - codes.mean(axis=0)) ** 2, axis=1))
    return len(codes) * np.log(spread + floor)


def cheapest_division(settled, codes, penalty, floor, shortest, newest, evidence=()):
    """The best boundaries by trying all; (cost, cuts). ``evidence``: (first, penalties of a gap's steps)."""
    best = (np.inf, ())
    count = len(codes)
    places = range(0 if len(settled) else 1, count)
    for number in range(count + 1):
        for cuts in itertools.combinations(places, number):
            borders = [0, *[cut + len(settled) for cut in cuts], len(settled) + count]
            lengths = np.diff(borders)
            if any(n < shortest for n in lengths[:-1]) or (number and lengths[-1] < newest):
                continue
            every = np.vstack((settled, codes))
            cost = number * penalty + sum(run_cost(every[a:b], floor) for a, b in itertools.pairwise(borders))
            for first, penalties in evidence:
                inside = [cut for cut in (-len(settled), *cuts) if first <= cut < first + len(penalties)]
                # A gap in which the settled run began has had its boundary.
                if inside and inside[0] in cuts:
                    cost += penalties[inside[0] - first]
            best = min(best, (cost, cuts))
    return best


def resample(stamps, values, period, points=20001):
    """Means over even steps of the line through the points, by brute sampling."""
    steps = (stamps[-1] - stamps[0]) // period
    out = []
    for step in range(steps):
        begin = stamps[0] + step * period
        times = begin + (np.arange(points) + 0.5) * period / points
        out.append(np.mean([np.interp(times, stamps, column) for column in values.T], axis=1))
    return np.array(out)
