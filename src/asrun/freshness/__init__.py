"""Whether a record is still true: of the code, the parameters, the data and the environment as they are now.

What is here reads snippets and the project's own code, and runs none of it. What runs it is in `asrun.running`.
"""
