"""Joins the DeepSpeed, accelerate and FSDP configurations that a run names to its recipe."""
