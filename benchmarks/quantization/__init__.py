"""Post-training 8 bits on trained networks, with ONNX Runtime's own quantizers, NNCF and torchao beside ours."""
