"""Reads OpenMetrics on standard input as strictly as the reference parser does, and says what was in it as JSON."""
import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

text = sys.stdin.read()
assert text.strip(), "nothing to read"
families = list(text_string_to_metric_families(text))
samples = [sample for family in families for sample in family.samples]
exemplars = [sample.exemplar.labels["trace_id"] for sample in samples if sample.exemplar]
print(json.dumps({"families": len(families), "samples": len(samples), "trace_ids": sorted(set(exemplars))}))
