"""What happens in the processes that run the project's code: it is run, watched, and told of.

What is here is loaded there, beside code that may do anything, and so imports little. Who starts those processes and
listens to them is in `asrun.running`.
"""
