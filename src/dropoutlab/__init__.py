"""The laboratory: networks with dropout, the data they learn from, and loops that train many of them at once.

Import the room you need (`from dropoutlab.cohort import Cohort`): nothing is loaded here, so that the parts that need
only NumPy stay free of torch.
"""
