"""Where in the motion a sentence is: language partition, soft masks at test time, calibrated spans."""
