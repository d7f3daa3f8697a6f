"""Transfer Workbench: use pretrained models by clicking, and see what transfers."""

__version__ = "0.1.0"
