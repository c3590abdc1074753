"""Loaders for motion files: labelled npz, BVH, AMC/ASF."""
