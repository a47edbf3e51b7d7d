"""
Attributions of the golden networks (test/train/golden) with their final parameters, by PyTorch and Captum, on the first rows of the UCI digits:

  pip install torch captum onnx onnxscript safetensors numpy
  python attributions.py        writes attributions.safetensors, cnn.onnx and encoder.onnx (those trained with Adam)

For each network: `NAME.target` (the highest logit of each row), `NAME.gradient` (d logit / d pixel), `NAME.integrated` (Captum's integrated gradients,
baseline 0, Gauss-Legendre with 1024 points), and for convolutional ones `NAME.gradCam` (Captum's LayerGradCam on the rectified output of conv2).
"""

import gzip
from pathlib import Path

import captum
import numpy as np
import onnx
import torch
import torch.nn.functional as F
from captum.attr import IntegratedGradients, LayerGradCam
from safetensors.numpy import load_file, save_file


def forget_where(file):
    """Drops the stack traces of the exporting machine that PyTorch writes into every node."""
    proto = onnx.load(file)
    graph = proto.graph
    for part in [proto, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer]:
        part.ClearField('doc_string')
        part.ClearField('metadata_props')
    onnx.save(proto, file)

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
ROWS = 6


class Mlp(torch.nn.Module):
    shape = (64,)

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = torch.nn.Linear(64, 32), torch.nn.Linear(32, 24), torch.nn.Linear(24, 10)

    def forward(self, x):
        return self.fc3(torch.sigmoid(self.fc2(torch.tanh(self.fc1(x)))))


class Cnn(torch.nn.Module):
    shape = (1, 8, 8)

    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, 8, 3, padding=1)
        self.bn1 = torch.nn.BatchNorm2d(8)
        self.dw = torch.nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
        self.pw = torch.nn.Conv2d(8, 16, 1)
        self.conv2 = torch.nn.Conv2d(16, 16, 3, stride=2, padding=1)
        self.last = torch.nn.ReLU()
        self.fc = torch.nn.Linear(16, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.relu6(self.pw(self.dw(x)))
        return self.fc(self.last(self.conv2(x)).mean((2, 3)))


class Encoder(torch.nn.Module):
    shape = (8, 8)

    def __init__(self):
        super().__init__()
        linear = torch.nn.Linear
        self.emb, self.ln1, self.ln2 = linear(8, 16), torch.nn.LayerNorm(16), torch.nn.LayerNorm(16)
        self.q, self.k, self.v, self.o = (linear(16, 16) for _ in range(4))
        self.f1, self.f2, self.head = linear(16, 32), linear(32, 16), linear(16, 10)

    def forward(self, x):
        x = self.emb(x)
        n = self.ln1(x)
        heads = lambda t: t.view(-1, 8, 2, 8).transpose(1, 2)
        q, k, v = heads(self.q(n)), heads(self.k(n)), heads(self.v(n))
        a = torch.softmax(q @ k.transpose(-1, -2) / 8**0.5, -1) @ v
        x = x + self.o(a.transpose(1, 2).reshape(-1, 8, 16))
        x = x + self.f2(F.gelu(self.f1(self.ln2(x))))
        return self.head(x.mean(1))


table = np.loadtxt(gzip.open(ROOT / 'src/data/digits/digits.csv.gz', 'rt'), delimiter=',')[:ROWS]
pixels = torch.tensor(table[:, :64] / 16, dtype=torch.float32)
result = {}
for kind, network in {'mlp': Mlp, 'cnn': Cnn, 'encoder': Encoder}.items():
    for optimizer in ('sgd', 'momentum', 'rmsprop', 'adam', 'adamw'):
        name = f'{kind}-{optimizer}'
        trace = load_file(ROOT / f'test/train/golden/{name}.safetensors')
        model = network().eval()
        state = {key[6:]: torch.tensor(value) for key, value in trace.items() if key.startswith('final.')}
        missing, unexpected = model.load_state_dict(state, strict=False)
        assert not unexpected and all('num_batches' in key for key in missing), (missing, unexpected)
        x = pixels.view(ROWS, *model.shape).clone().requires_grad_()
        logits = model(x)
        target = logits.argmax(1)
        (gradient,) = torch.autograd.grad(logits.gather(1, target[:, None]).sum(), x)
        integrated = IntegratedGradients(model).attribute(x, target=target, n_steps=1024, method='gausslegendre')
        result[f'{name}.target'] = target.numpy().astype(np.int32)
        result[f'{name}.gradient'] = gradient.view(ROWS, 64).numpy()
        result[f'{name}.integrated'] = integrated.detach().view(ROWS, 64).numpy().astype(np.float32)
        if kind == 'cnn':
            cam = LayerGradCam(model, model.last).attribute(x, target=target, relu_attributions=True)
            result[f'{name}.gradCam'] = cam.detach()[:, 0].numpy()
        if optimizer == 'adam' and kind != 'mlp':
            file = HERE / f'{kind}.onnx'
            torch.onnx.export(model, (x[:1].detach(),), file, input_names=['x'], output_names=['logits'], external_data=False)
            forget_where(file)
save_file({key: np.ascontiguousarray(value) for key, value in result.items()}, HERE / 'attributions.safetensors',
          metadata={'oracle': f'torch {torch.__version__}, captum {captum.__version__}', 'origin': 'attributions.py'})
