"""Markdown and HTML as text: fences, comments, front matter, marks, slides, formulas, numbers in prose.

What is here reads or rewrites a text and knows of no record, page or project. What asks what a page may cite is in
`asrun.pages`.
"""
