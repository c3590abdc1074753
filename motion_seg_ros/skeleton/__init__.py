"""Skeletons: joint sets, the mappings between them, and features of their motion."""
