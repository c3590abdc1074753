"""A GGUF model in a process of its own: requests on standard input, completions on standard output.

One JSON object a line. The first line out is ``{"ready": true}`` or ``{"error": "..."}``; each line in is
``{"id": ..., "messages": [...], "temperature": ..., "schema": {...}, "max_tokens": ...}``, and each gets
``{"id": ..., "completion": {...}}`` or ``{"id": ..., "error": "..."}``. The process ends with its input.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, TextIO


def main(path: str) -> int:
    """Serve the model of that path until the input ends."""
    # llama.cpp writes to standard output what it likes; the replies get a stream of their own.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        import llama_cpp

        model = llama_cpp.Llama(model_path=path, n_ctx=2048, verbose=False)
    except Exception as error:
        _say(replies, {"error": f"{type(error).__name__}: {error}"})
        return 1
    _say(replies, {"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            completion = model.create_chat_completion(
                messages=request["messages"],
                temperature=request["temperature"],
                max_tokens=request["max_tokens"],
                response_format={"type": "json_object", "schema": request["schema"]},
            )
            _say(replies, {"id": request["id"], "completion": completion})
        except Exception as error:
            _say(replies, {"id": request["id"], "error": f"{type(error).__name__}: {error}"})
    return 0


def _say(stream: TextIO, reply: dict[str, Any]) -> None:
    stream.write(json.dumps(reply) + "\n")
    stream.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
