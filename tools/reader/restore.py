"""Turn a shipped reader back into what training can go on from: int8 ONNX into the model's float32 state.

`python -m tools.reader.restore --weights retriever/weights/reader.onnx --out /somewhere/start.pt`; needs
`pip install onnx`. What is frozen in training (embeddings, lowest layer) comes from the encoder, unrounded.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from domain.settings import load_settings
from retriever.encoder_folder import find_encoder
from tools.reader.model import ReaderModel

Arrays = Mapping[str, NDArray[np.generic]]


def main() -> None:
    """Write the state."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--weights", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True)
    asked = options.parse_args()
    model = ReaderModel.from_encoder(find_encoder(load_settings().models).path)
    restored = restored_from(asked.weights)
    learned = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    if missing := learned - restored.keys():
        raise SystemExit(f"{asked.weights} has no {', '.join(sorted(missing))}: is it a reader of another form?")
    state = model.state_dict()
    state.update({name: restored[name].reshape(state[name].shape) for name in learned})
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, asked.out)


def restored_from(file: Path) -> dict[str, torch.Tensor]:
    """Return the float32 parameters of an exported reader by their names in the model."""
    graph = onnx.load(str(file)).graph
    arrays: Arrays = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    found = {name: torch.tensor(np.asarray(array, np.float32)) for name, array in arrays.items()
             if name.endswith((".bias", ".weight"))}  # fmt: skip
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            found[_parameter(node)] = torch.tensor(_weight(arrays, node.input[1]).T.copy())
    return found


def _parameter(node: onnx.NodeProto) -> str:
    """Return which weight a product is with: named in its input, or by where the node stands."""
    named, transposed, _ = str(node.input[1]).partition("_Transposed")
    if transposed:
        return named
    # For "/encoder/encoder/layer.1/output/dense/MatMul_quant" it is that of "encoder.encoder.layer.1.output.dense".
    return str(node.name).rsplit("/", 1)[0].strip("/").replace("/", ".") + ".weight"


def _weight(arrays: Arrays, name: str) -> NDArray[np.float32]:
    base = name.removesuffix("_quantized")
    whole = np.asarray(arrays[name], np.float32) - np.asarray(arrays[f"{base}_zero_point"], np.float32)
    return np.asarray(whole * np.asarray(arrays[f"{base}_scale"], np.float32), np.float32)


if __name__ == "__main__":
    main()
