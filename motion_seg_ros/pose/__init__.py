"""Images to skeletons: pose estimation and multi-person tracking."""
