"""A page while it is converted: what it cites, what it shows of it, and what is wrong with it.

What is here turns Markdown and records into HTML for any host. Decks are in `asrun.decks`, and all pages
of a project are read together in `asrun.checks`.
"""
