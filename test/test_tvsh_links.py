import naive
import numpy as np
import pytest

from motion_seg_ros.tvsh.links import apply_laplacian, laplacian_bands, tvs_matrix, tvs_weights


@pytest.mark.parametrize(("count", "span"), [(1, 1), (2, 5), (7, 3), (12, 4)])
def test_bands_equal_the_definition(count, span):
    links = np.random.default_rng(count).random(count)
    weights, bands = tvs_weights(links, span), laplacian_bands(tvs_weights(links, span))
    graph, dense = naive.tvs_matrix(links, span), naive.laplacian(links, span)
    for k in range(1, min(span, count - 1) + 1):
        np.testing.assert_allclose(weights[k - 1, k:], np.diag(graph, k))
        np.testing.assert_allclose(bands[span - k, k:], np.diag(dense, k))
    np.testing.assert_allclose(bands[span], np.diag(dense))
    codes = np.random.default_rng(1).random((3, count))
    np.testing.assert_allclose(apply_laplacian(weights, codes), codes @ dense, atol=1e-12)
    np.testing.assert_allclose(tvs_matrix(links, span), graph)


def test_links_of_one_join_every_frame_within_the_span_alike():
    weights = tvs_weights(np.ones(9), 3)
    assert all((weights[k - 1, k:] == 1).all() for k in (1, 2, 3))


def test_a_link_of_zero_joins_nothing_across_it():
    links = np.ones(10)
    links[6] = 0
    graph = naive.tvs_matrix(links, 4)
    assert graph[:6, 6:].sum() == 0
    weights = tvs_weights(links, 4)
    assert all(weights[k - 1, t] == 0 for k in range(1, 5) for t in range(6, min(10, 6 + k)))
