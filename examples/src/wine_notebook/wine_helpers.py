"""Small things both notebooks need."""
import numpy as np


def clip_outliers(frame, columns, factor=3.0):
    """Pull values further than `factor` standard deviations back to that bound."""
    frame = frame.copy()
    for column in columns:
        center, spread = frame[column].mean(), frame[column].std()
        frame[column] = frame[column].clip(center - factor * spread, center + factor * spread)
    return frame


def describe_missing(frame):
    missing = frame.isna().sum()
    return missing[missing > 0].sort_values(ascending=False)


def macro_recall(truth, predicted):
    return float(np.mean([np.mean(predicted[truth == label] == label) for label in sorted(set(truth))]))
