"""What runs inside the processes that are watched. It needs the standard library only and changes nothing.

This folder is copied, as the package `graduate_observer`, next to the scratch copies; so that it can be
imported by whatever interpreter the research code runs in, where graduate itself is not installed.
"""
