"""Questions asked of all pages together: do they hold, do runs reproduce, would claims notice, whom do they ask?

What is here reads and judges, and writes nothing. What a reader then sees is made in `asrun.site`.
"""
