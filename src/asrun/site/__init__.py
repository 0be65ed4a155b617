"""The site as a whole: what is not fresh is run, every page is checked, and all of it is rendered and published.

What is here puts the other rooms to work, in order. It decides nothing of its own about records or pages.
"""
