#!/bin/sh
# what we ran for the paper
python train.py --epochs 30 --lr 0.1 --scheduler cosine
