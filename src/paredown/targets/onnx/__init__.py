"""ONNX, the format: from a network to the bytes of a file, and what is inside of one."""
