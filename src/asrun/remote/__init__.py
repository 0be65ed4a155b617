"""Runs elsewhere: records that travel as bundles, and a cluster that runs what it is sent.

What is here packs, sends and takes in what it does not trust. It is loaded when it is asked for, and needs Ray only
then.
"""
