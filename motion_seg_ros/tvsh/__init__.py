"""Streaming unsupervised motion segmentation (TVSH): links, subspace embedding, labels, events."""
