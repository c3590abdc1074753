"""rclpy shells around the core: parameters, QoS, lifecycle and message conversion. No algorithm here."""
