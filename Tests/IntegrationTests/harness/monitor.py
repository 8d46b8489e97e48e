"""Asking the port for metrics and health."""

import json
import re
import urllib.error
import urllib.request

LINE = re.compile(r'^([a-zA-Z_][a-zA-Z0-9_]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


class Monitor:
    def __init__(self, port: int):
        self.port = port

    def get(self, path: str, method: str = "GET") -> tuple[int, str, str]:
        """Status, media type and body."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
                return answer.status, answer.headers["content-type"], answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers["content-type"], error.read().decode()

    def health(self) -> tuple[int, dict]:
        status, kind, body = self.get("/health")
        assert kind == "application/json"
        return status, json.loads(body)

    def metrics(self) -> "Metrics":
        status, kind, body = self.get("/metrics")
        assert status == 200 and kind.startswith("text/plain; version=0.0.4"), (status, kind)
        return Metrics(body)


class Metrics:
    """A page of metrics, checked for what every page must be."""

    def __init__(self, text: str):
        self.text = text
        self.rows: list[tuple[str, dict, float]] = []
        families: dict[str, str] = {}
        seen = set()
        assert text.endswith("\n")
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name not in families, f"{name} is there twice"
                families[name] = kind
            elif not line.startswith("# HELP "):
                match = LINE.match(line)
                assert match, f"not a line of the format: {line}"
                labels = dict(LABEL.findall(match[2] or ""))
                key = (match[1], tuple(sorted(labels.items())))
                assert key not in seen, f"a series twice: {line}"
                seen.add(key)
                family = match[1] if match[1] in families else re.sub("_(bucket|sum|count)$", "", match[1])
                assert family in families, f"a series before its TYPE: {line}"
                self.rows.append((match[1], labels, float(match[3])))

    def find(self, metric: str, **labels) -> list[tuple[dict, float]]:
        return [(have, value) for name, have, value in self.rows
                if name == metric and all(have.get(k) == v for k, v in labels.items())]

    def value(self, metric: str, **labels) -> float:
        """The sum of all series with these labels; 0 when there is none."""
        return sum(value for _, value in self.find(metric, **labels))

    def one(self, metric: str, **labels) -> tuple[dict, float]:
        found = self.find(metric, **labels)
        assert len(found) == 1, f"{metric} {labels}: {found}\n{self.text}"
        return found[0]
