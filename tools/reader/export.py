"""Turn a trained reader or support checker into what is shipped: int8 ONNX and its vocabulary.

`python -m tools.reader.export --work /somewhere --out retriever/weights`; needs `pip install onnx` beside the project's
own packages.
"""

import argparse
import shutil
from pathlib import Path

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

from domain.settings import load_settings
from retriever.encoder_folder import find_encoder
from retriever.pair_model import VOCABULARY
from retriever.reader import WEIGHTS
from tools.reader.model import ReaderModel


def main() -> None:
    """Export `model.pt` of the work folder."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--work", type=Path, required=True)
    options.add_argument("--weights", default="model.pt")
    options.add_argument("--name", default=WEIGHTS, help="Of the file; the support checker has the same form.")
    options.add_argument("--out", type=Path, required=True)
    asked = options.parse_args()
    folder = find_encoder(load_settings().models).path
    model = ReaderModel.from_encoder(folder)
    saved = torch.load(asked.work / asked.weights, map_location="cpu", weights_only=True)
    model.load_state_dict(saved.get("model", saved))
    asked.out.mkdir(parents=True, exist_ok=True)
    export(model.eval(), asked.out / asked.name)
    shutil.copyfile(folder / "tokenizer.json", asked.out / VOCABULARY)


def export(model: ReaderModel, file: Path) -> None:
    """Write the model as ONNX with int8 weights; activations are quantised while it runs."""
    whole = file.with_suffix(".float32.onnx")
    sample = torch.ones(2, 12, dtype=torch.long)
    axes = {0: "pairs", 1: "tokens"}
    torch.onnx.export(
        model,
        (sample, sample, torch.zeros_like(sample)),
        str(whole),
        input_names=["ids", "mask", "segments"],
        output_names=["scores", "answers"],
        dynamic_axes={"ids": axes, "mask": axes, "segments": axes, "scores": axes, "answers": {0: "pairs"}},
        opset_version=17,
        dynamo=False,
    )
    quantize_dynamic(whole, file, weight_type=QuantType.QInt8, per_channel=True)
    whole.unlink()


if __name__ == "__main__":
    main()
