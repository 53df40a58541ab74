"""The data of a generated task as Parquet files, and Croissant's metadata of them.

Croissant 1.1, docs.mlcommons.org/croissant: a record a sequence, and where its files lie with their checksums.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..catalog import find_task, strange_task
from ..errors import BenchError
from ..protocol import Protocol
from .columns import pyarrow
from .every_eval_ever import AUTHORS, LIBRARY

if TYPE_CHECKING:
    from ..catalog import Split, TaskSpec

METADATA = "croissant.json"
LICENCE = "https://opensource.org/license/mit"  # of the generator
KINDS = {"float32": "sc:Float", "int64": "sc:Integer"}
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    "description": {"@container": "@language"},
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
}
TERMS = (
    "arrayShape citeAs column containedIn equivalentProperty extract field fileProperty fileObject fileSet format "
    "includes isArray isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace "
    "samplingRate separator source subField transform"
)


def files(name: str, protocol: Protocol) -> dict[str, bytes]:
    """File name -> content: the splits of a task at a protocol's scale and data seed, and croissant.json.

    Raises BenchError for a task that is not generated here, whose data are somebody else's, and without pyarrow.
    """
    if strange_task(name):
        raise BenchError(f"{name} is no task of this program; Croissant's metadata are for those that it generates")
    spec = find_task(name, protocol.scale)
    if spec.data or spec.needs:
        raise BenchError(
            f"the data of {name} are not generated here and have their own source; `bench data list` names it"
        )
    splits = spec.load(protocol.data_seed, None)
    every = {"train": splits.train, "valid": splits.valid, "test": splits.test, **splits.more}
    found = {f"{split}.parquet": _parquet(part) for split, part in every.items()}
    described = _metadata(spec, protocol, every, found)
    return {METADATA: (json.dumps(described, indent=1, ensure_ascii=False) + "\n").encode(), **found}


def _parquet(split: Split) -> bytes:
    """A row a sequence: x, (time * inputs) numbers, and y, one number or a list of them."""
    arrow, parquet = pyarrow()
    columns = {}
    for name, tensor in (("x", split.x), ("y", split.y)):
        values = tensor.numpy()
        flat = arrow.array(values.reshape(-1))
        wide = values[0].size
        columns[name] = flat if values.ndim == 1 else arrow.FixedSizeListArray.from_arrays(flat, wide)
    file = arrow.BufferOutputStream()
    parquet.write_table(arrow.table(columns), file)
    return bytes(file.getvalue())


def _metadata(
    spec: TaskSpec, protocol: Protocol, splits: Mapping[str, Split], found: Mapping[str, bytes]
) -> dict[str, Any]:
    name = f"{LIBRARY}-{spec.name}-{protocol.scale}"
    how = f"`bench export --format croissant --task {spec.name} --protocol {protocol.name}`"
    return {
        "@context": CONTEXT | {term: f"cr:{term}" for term in TERMS.split()},
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": name,
        "description": f"{spec.title}: {spec.detail}. Generated from seed {protocol.data_seed} by {how}.",
        "license": LICENCE,
        "creator": {"@type": "sc:Organization", "name": AUTHORS},
        "citeAs": spec.cite,
        "version": f"{__version__}+revision-{spec.revision}",
        "isLiveDataset": False,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": file,
                "name": file,
                "contentUrl": file,
                "contentSize": f"{len(content)} B",
                "encodingFormat": "application/x-parquet",
                "sha256": hashlib.sha256(content).hexdigest(),
            }
            for file, content in found.items()
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": split,
                "name": split,
                "description": f"{len(part.y):,} sequences",
                "field": [_field(split, column, part) for column in ("x", "y")],
            }
            for split, part in splits.items()
        ],
    }


def _field(split: str, column: str, part: Split) -> dict[str, Any]:
    values = getattr(part, column)
    shape = tuple(values.shape[1:])
    what = {"x": "the sequence, (time, inputs) in one list, time by time", "y": "what is asked"}[column]
    found = {
        "@type": "cr:Field",
        "@id": f"{split}/{column}",
        "name": column,
        "description": f"{what}, of shape ({', '.join(map(str, shape))})" if shape else what,
        "dataType": KINDS[str(values.numpy().dtype)],
        "source": {"fileObject": {"@id": f"{split}.parquet"}, "extract": {"column": column}},
    }
    flat = 1
    for size in shape:
        flat *= size
    return found | ({"isArray": True, "arrayShape": str(flat)} if shape else {})
