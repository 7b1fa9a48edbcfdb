"""What steps share, and what lets them be stopped and go on."""
