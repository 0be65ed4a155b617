"""What travels between machines: records as bundles, and a project that is sent to be run and comes back as a bundle.

What is here packs, and takes in what it does not trust; all that it hands over is bytes. By which way they travel, and
who runs what arrives, is for the executors to know.
"""
