"""Vector quantisation: the codebook whose entries are the concepts."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional

_DECAY = 0.99
# A code with less than this share of an even usage is given to an embedding that is far from its own.
_DEAD = 0.15
# It starts with this share, so that it is soon seen whether anything goes with it.
_REVIVED = 0.3


class Quantiser(nn.Module):
    """A codebook on the unit sphere that follows its embeddings (VQ-VAE with exponential means,
    van den Oord et al. 2017; on the sphere as in ViT-VQGAN, Yu et al. 2022).

    Parameters
    ----------
    codes : number of codes K.
    size : their dimensions E.
    """

    codebook: Tensor
    usage: Tensor
    total: Tensor
    updates: Tensor

    def __init__(self, codes: int, size: int) -> None:
        super().__init__()
        self.register_buffer("codebook", functional.normalize(torch.randn(codes, size), dim=1))
        self.register_buffer("usage", torch.zeros(codes))
        self.register_buffer("total", torch.zeros(codes, size))
        self.register_buffer("updates", torch.zeros(()))

    def forward(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Nearest codes (...) int64 and their squared distances (...) of unit embeddings (..., E)."""
        # On the sphere |z - c|^2 = 2 - 2 z.c; one matrix product and one ArgMax in ONNX.
        closeness = embeddings @ self.codebook.T
        codes = closeness.argmax(dim=-1)
        return codes, 2.0 - 2.0 * closeness.amax(dim=-1)

    def quantised(self, embeddings: Tensor, codes: Tensor) -> Tensor:
        """The codes' vectors (..., E), whose gradient goes straight to the embeddings."""
        return embeddings + (self.codebook[codes] - embeddings).detach()

    @torch.no_grad()
    def follow(self, embeddings: Tensor, codes: Tensor) -> None:
        """Move the codebook towards the embeddings (N, E) of its codes (N,) and revive dead codes.

        With several processes all move alike: counts and sums are of all of them.
        """
        embeddings = embeddings.detach().float()
        count = torch.zeros_like(self.usage).index_add_(0, codes, torch.ones_like(codes, dtype=torch.float32))
        total = torch.zeros_like(self.total).index_add_(0, codes, embeddings)
        if dist.is_initialized():
            dist.all_reduce(count)
            dist.all_reduce(total)
        # The mean of few updates at first: embeddings move fast then.
        decay = min(_DECAY, (1 + float(self.updates)) / (10 + float(self.updates)))
        self.updates += 1
        self.usage.lerp_(count, 1 - decay)
        self.total.lerp_(total, 1 - decay)
        self._revive(embeddings, codes)
        self.codebook.copy_(functional.normalize(self.total, dim=1))

    def _revive(self, embeddings: Tensor, codes: Tensor) -> None:
        even = self.usage.mean()
        dead = torch.nonzero(self.usage < _DEAD * even)[:, 0]
        # All processes count alike, so all come here together.
        if len(dead):
            self.total[dead] = self._choose(embeddings, codes, len(dead)) * (_REVIVED * even)
            self.usage[dead] = _REVIVED * even

    def _choose(self, embeddings: Tensor, codes: Tensor, count: int) -> Tensor:
        # As k-means++ does: where two motions share a code, and not where there is most motion.
        distance = (2 - 2 * (embeddings * self.codebook[codes]).sum(dim=1)).clamp(min=1e-6)
        chosen = embeddings[torch.multinomial(distance, count, replacement=True)]
        # No two alike, or neither would ever win.
        chosen = functional.normalize(chosen + 0.01 * torch.randn_like(chosen), dim=1)
        if dist.is_initialized():
            dist.broadcast(chosen, 0)
        return chosen
