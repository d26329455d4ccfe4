"""The baseline of the speed bench: the path that LangChain's tutorials show, the same model, nothing tuned."""

import json
import sys
from pathlib import Path

from langchain_chroma import Chroma
from langchain_core.documents import Document
from langchain_huggingface import HuggingFaceEmbeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter

from domain.settings import ModelSettings
from retriever.models import locate


def main(corpus: Path, folder: Path) -> None:
    """Split, embed and store the corpus; 1000 characters with 200 of overlap is what the tutorials use."""
    documents = []
    with corpus.open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            metadata = {"doc_id": entry["doc_id"], "date": entry["date"], "source": entry["source"]}
            documents.append(Document(page_content=entry["text"], metadata=metadata))
    pieces = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200).split_documents(documents)
    model = locate("all-MiniLM-L6-v2", ModelSettings().folder.expanduser())
    Chroma.from_documents(pieces, HuggingFaceEmbeddings(model_name=str(model)), persist_directory=str(folder))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
