"""What fashion.c does, in PyTorch: python fashion.py [mlp|cnn] [epochs] [threads] [seed]"""
import gzip
import sys
import time

import numpy as np
import torch
from torch import nn

name = sys.argv[1] if len(sys.argv) > 1 else "mlp"
epochs, threads, seed = (int(sys.argv[i]) if len(sys.argv) > i else d for i, d in ((2, 10), (3, 1), (4, 1)))
torch.set_num_threads(threads)
torch.manual_seed(seed)
DIRECTORY = "/usr/share/datasets/fashion-mnist"


def read(part):
    with gzip.open(f"{DIRECTORY}/{part}-images-idx3-ubyte.gz") as f:
        x = np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
    with gzip.open(f"{DIRECTORY}/{part}-labels-idx1-ubyte.gz") as f:
        y = np.frombuffer(f.read(), np.uint8, offset=8)
    return torch.from_numpy(x.astype(np.float32) / 255), torch.from_numpy(y.astype(np.int64))


nets = {"mlp": lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)),
        "cnn": lambda: nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                                     nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                                     nn.Flatten(), nn.Linear(32 * 7 * 7, 10))}
net = nets[name]()
optimizer = torch.optim.Adam(net.parameters())
criterion = nn.CrossEntropyLoss()
(train_x, train_y), (test_x, test_y) = read("train"), read("t10k")
seconds = accuracy = 0
for epoch in range(epochs):
    begin = time.perf_counter()
    for rows in torch.randperm(len(train_x)).split(64):
        optimizer.zero_grad()
        criterion(net(train_x[rows]), train_y[rows]).backward()
        optimizer.step()
    seconds += time.perf_counter() - begin
    with torch.no_grad():
        right = sum((net(x).argmax(1) == y).sum().item()
                    for x, y in zip(test_x.split(1000), test_y.split(1000)))
    accuracy = right / len(test_y)
print(f"PyTorch  {name}  {threads} thread{'s' if threads > 1 else ' '}  {len(train_x) * epochs / seconds:7.0f} "
      f"samples/s  test accuracy {accuracy:.4f} after {epochs} epochs")
