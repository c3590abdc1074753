"""Recorded sources: rosbags read and written without ROS, videos, and skeleton files."""
