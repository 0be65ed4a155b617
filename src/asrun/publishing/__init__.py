"""Puts what was made where it is to be, over nothing that asrun did not make.

What is here knows files and folders, and not what is in them. What a site consists of is in `asrun.site`.
"""
