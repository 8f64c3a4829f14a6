"""Distillation and regularization as measured arms, on seven kinds of task."""
