"""Evaluation, reports and plots."""

from typing import Any


def save(counts: Any) -> None:
    """Save"""
    with open('counts.txt', 'w') as f:
        for word, n in sorted(counts.items()):
            f.write(f'{word} {n}\n')
    print('saved', len(counts))
