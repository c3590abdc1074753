"""Stands in for llama-cpp-python in tests of the worker: behaves as the model's file says."""

import json
import os
import signal
import sys
import time
from pathlib import Path


class Llama:
    def __init__(self, model_path, n_ctx, verbose):
        print("llama.cpp talks on standard output")
        os.write(1, b"and so does its C part\n")
        self._script = json.loads(Path(model_path).read_text())
        if self._script.get("broken"):
            raise ValueError("not a GGUF file")

    def create_chat_completion(self, messages, temperature, max_tokens, response_format):
        assert response_format["schema"]["required"] == ["same", "first", "second"]
        assert messages[1]["content"].startswith("First moment")
        time.sleep(self._script.get("seconds", 0.0))
        if self._script.get("dies"):
            os._exit(3)
        if self._script.get("crashes"):
            os.kill(os.getpid(), signal.SIGILL)
        if self._script.get("fails"):
            raise RuntimeError("out of context")
        os.write(1, b"more talk\n")
        print(sys.argv[1], file=sys.stderr)
        content = json.dumps({"same": False, "first": "waving", "second": "squatting"})
        return {
            "choices": [{"message": {"content": content}}],
            "usage": {"prompt_tokens": 50, "completion_tokens": 10},
        }
