"""Reading and editing Python: text spans, scopes, flow, the spine of a program.

Shared by `analyse` and `transform`, which may not import each other. Trees stay in here: the values
that the steps hand on cite places, never nodes.
"""
