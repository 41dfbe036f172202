"""For each topic, the answers that its checks must refuse, each with the hint it must get."""
