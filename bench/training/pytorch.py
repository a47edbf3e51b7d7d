"""One epoch of PyTorch (CPU, one thread) on the same networks and data. Usage: python3 pytorch.py DATA cnn|mlp SEED"""
import json
import sys
import time

import numpy as np
import torch
from torch import nn

data, name, seed = sys.argv[1:4]
torch.set_num_threads(1)
torch.manual_seed(int(seed))


def read(images, labels, count):
    pixels = np.fromfile(f"{data}/{images}", dtype=np.uint8, offset=16, count=count * 784).astype(np.float32) / 255
    classes = np.fromfile(f"{data}/{labels}", dtype=np.uint8, offset=8, count=count).astype(np.int64)
    return torch.from_numpy(pixels.reshape(count, 1, 28, 28)), torch.from_numpy(classes)


x, y = read("train-images-idx3-ubyte", "train-labels-idx1-ubyte", 10000)
test_x, test_y = read("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", 10000)
if name == "cnn":
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1568, 10),
    ).to(memory_format=torch.channels_last)
    x, test_x = x.to(memory_format=torch.channels_last), test_x.to(memory_format=torch.channels_last)
else:
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(net.parameters(), lr=0.001)
loss = nn.CrossEntropyLoss()
order = torch.randperm(len(x))
wall, cpu = time.perf_counter(), time.process_time()
for start in range(0, len(x), 32):
    rows = order[start : start + 32]
    optimizer.zero_grad()
    loss(net(x[rows]), y[rows]).backward()
    optimizer.step()
seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
with torch.no_grad():
    accuracy = (net(test_x).argmax(1) == test_y).float().mean().item()
print(json.dumps({"runtime": f"PyTorch {torch.__version__}", "network": name, "seconds": seconds, "cpuSeconds": cpu_seconds, "accuracy": accuracy}))
