"""Renders a matrix of values, and has the schemas of Kubernetes, checkov, promtool and pisw check the manifests.

manifests.py FOLDER [NAME]: with a name, prints the manifest for those values.
"""

import json
import os
import re
import subprocess
import sys

import kubernetes_validate
import yaml

from harness.checks import check
from helm import render

HERE = os.path.dirname(os.path.abspath(__file__))
REVIEWS = os.path.join(HERE, "../../examples/reviews")
PROXY = {"registryUrl": "proxy.example.com"}
# Kinds that are not part of Kubernetes. There are no schemas for them here.
FOREIGN = {"Issuer", "Certificate", "ServiceMonitor", "PrometheusRule"}


def values_of(name):
    with open(f"{HERE}/values/{name}.yaml", encoding="utf-8") as file:
        return yaml.safe_load(file)


MATRIX = {
    "default": PROXY,
    "original": values_of("original"),
    "original-with-its-certificate": {**values_of("original"), "caBundle": "LS0tLS1CRUdJTg=="},
    "cert-manager": {**PROXY, "tls": {"mode": "certManager"}},
    "existing-secret": {**PROXY, "tls": {"mode": "existingSecret"}, "caBundle": "LS0tLS1CRUdJTg=="},
    "socat": {**PROXY, "server": {"kind": "socat"}},
    "socat-cert-manager": {**PROXY, "server": {"kind": "socat"}, "tls": {"mode": "certManager"}},
    "mirrors-only": {"mirrors": {"*": "proxy.example.com/{registry}"}},
    "without-the-webhook": {**PROXY, "enableMutatingWebhook": False},
    "bare": {**PROXY, "podDisruptionBudget": {"enabled": False}, "networkPolicy": {"enabled": False},
             "nodeSelector": {"kubernetes.io/os": None}, "resources": {"limits": None, "requests": None},
             "exclude": {"namespaces": [], "labels": None}},
    "everything": values_of("everything"),
}
# matchConditions need 1.28.
MATRIX["everything-before-1.28"] = {**MATRIX["everything"], "webhook": {**MATRIX["everything"]["webhook"],
                                                                        "matchConditions": []}}
SINCE = {"everything": 28}

# Findings of checkov that stay, with the reason: in all manifests, or in one.
EXPLAINED = {
    ("CKV_K8S_11", None): "no CPU limit: a throttled webhook delays every new pod; the original's values have one",
    ("CKV_K8S_43", None): "the user decides on a digest, with image.digest",
    ("CKV_K8S_15", None): "a version's tag never moves, and a pod must start while the registry is down",
    ("CKV_K8S_40", "original"): "the original runs as user 1000, and its values must work unchanged",
    ("CKV_K8S_40", "original-with-its-certificate"): "likewise",
    ("CKV_K8S_19", "everything"): "hostNetwork is true",
    ("CKV_K8S_19", "everything-before-1.28"): "likewise",
    ("CKV_K8S_10", "bare"): "these values remove the requests",
    ("CKV_K8S_12", "bare"): "likewise",
    ("CKV_K8S_13", "bare"): "these values remove the limits",
}


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


def fits_kubernetes(minor):
    """What the schemas of a version of Kubernetes find in the manifests for it. Equal objects are validated once."""
    different = {json.dumps(each, sort_keys=True): (name, each)
                 for name, values in MATRIX.items() if SINCE.get(name, 0) <= minor
                 for each in render(values, minor).objects if each["kind"] not in FOREIGN}
    assert len(different) > 30
    wrong = []
    for name, each in different.values():
        try:
            judged = kubernetes_validate.validate(each, f"1.{minor}", strict=True)
            assert judged == f"1.{minor}", judged
        except kubernetes_validate.ValidationError as error:
            wrong.append(f"{name}, {each['kind']}: {error.message}")
    return wrong


# Metrics over three days, and the alerts that then fire. The values ask for 30 days before the certificate expires, and
# for one day without a review.
DAYS, YEAR = 86400, 400 * 86400
ALERTS = [
    ({}, ["PiswNoReviews"]),
    ({"certificate_expiry_timestamp_seconds": f"{YEAR}x900", 'reviews_total{result="patched"}': "0+9x900",
      'reviews_total{result="failed"}': "7x900", 'reloads_total{result="success"}': "0+1x900"}, []),
    ({"certificate_expiry_timestamp_seconds": f"{20 * DAYS}x900", 'reviews_total{result="patched"}': "0+9x900"},
     ["PiswCertificateEnds"]),
    ({'reviews_total{result="patched"}': "9x900"}, ["PiswNoReviews"]),
    ({'reviews_total{result="failed"}': "0+1x900"}, ["PiswReviewsFail"]),
    ({'reviews_total{result="invalid"}': "0+1x900"}, ["PiswReviewsFail"]),
    ({'reviews_total{result="patched"}': "0+9x900", 'reloads_total{result="failure"}': "0+1x900"}, ["PiswReloadFailed"]),
    ({'reviews_total{result="patched"}': "0+9x900", 'sandbox{process="review"}': "1x900"}, []),
    ({'reviews_total{result="patched"}': "0+9x900", 'sandbox{process="review"}': "0x900"}, ["PiswReviewsNotConfined"]),
]


def alerts_fire(rendered, folder):
    """promtool evaluates the alerts."""
    values = MATRIX["everything"]
    without = [rule["alert"] for rule in rendered["everything"].one("PrometheusRule")["spec"]["groups"][0]["rules"]]
    spec = render({**values, "isolation": "request", "server": {**values["server"], "sandbox": "prefer"}}
                  ).one("PrometheusRule")["spec"]
    rules = {rule["alert"]: rule for rule in spec["groups"][0]["rules"]}
    tests = []
    for series, firing in ALERTS:
        of = 'job="k8s-pisw",namespace="kube-system"'
        named = {f"pisw_{name[:-1]},{of}}}" if "{" in name else f"pisw_{name}{{{of}}}": values
                 for name, values in series.items()}
        tests.append({
            "interval": "5m", "input_series": [{"series": name, "values": values} for name, values in named.items()],
            "alert_rule_test": [{
                "eval_time": "3d", "alertname": name,
                "exp_alerts": [{"exp_labels": {**rule["labels"], **expected_labels(name, series, of)},
                                "exp_annotations": rule["annotations"]}] if name in firing else []}
                for name, rule in rules.items()]})
    for name, content in (("rules", spec), ("tests", {"rule_files": ["rules"], "tests": tests})):
        with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
            yaml.safe_dump(content, file)
    checked = run("promtool", "check", "rules", f"{folder}/rules")
    tested = run("promtool", "test", "rules", f"{folder}/tests")
    os.remove(f"{folder}/rules")
    os.remove(f"{folder}/tests")
    # The values switch the sandbox off, so its alert is not rendered.
    wrong = [] if set(rules) - set(without) == {"PiswReviewsNotConfined"} else [f"{without} {list(rules)}"]
    wrong += [] if len(rules) == 5 and checked.returncode == 0 else [checked.stdout + checked.stderr]
    return wrong + ([] if tested.returncode == 0 else [tested.stdout + tested.stderr])


def expected_labels(alert, series, of):
    """`absent` gives its alert the labels that it searched for."""
    if alert != "PiswNoReviews" or any(name.startswith("reviews") for name in series):
        return {}
    return dict(re.findall('([a-z]+)="([^"]*)"', of))


def passes_checkov(folder):
    """Findings of checkov in all manifests that EXPLAINED does not explain, and explanations without a finding."""
    done = run(sys.executable, "-m", "checkov.main", "--framework", "kubernetes", "--skip-download", "--compact",
               "--output", "json", "--directory", folder)
    report = json.loads(done.stdout)
    summary = report["summary"]
    assert summary["passed"] > 500 and summary["parsing_errors"] == 0, summary
    wrong, used = [], set()
    for each in report["results"]["failed_checks"]:
        name = os.path.basename(each["file_path"]).removesuffix(".yaml")
        explained = {(each["check_id"], None), (each["check_id"], name)} & EXPLAINED.keys()
        used |= explained
        if not explained:
            wrong.append(f"{name}: {each['check_id']} {each['check_name']}, {each['resource']}")
    return wrong + [f"does not occur: {each}" for each in EXPLAINED.keys() - used]


def pisw_accepts_configurations(folder, rendered):
    """pisw-mutate answers a real review with the configuration of each manifest."""
    wrong = []
    for name, manifest in rendered.items():
        path = f"{folder}/config.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(manifest.one("ConfigMap")["data"]["config.yaml"])
        done = run(os.environ["PISW_MUTATE"], "--config", path, f"{REVIEWS}/bare-pod-without-labels.json")
        if done.returncode or '"patch"' not in done.stdout or done.stderr:
            wrong.append(f"{name}: {done.returncode} {done.stderr}")
    os.remove(path)
    return wrong


def default_exclusions(folder, rendered):
    """The default configuration leaves alone pods of kube-system and of operators, and no others."""
    path = f"{folder}/config.yaml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(rendered["default"].one("ConfigMap")["data"]["config.yaml"])
    with open(f"{REVIEWS}/bare-pod-without-labels.json", encoding="utf-8") as file:
        review = json.load(file)
    wrong = []
    for namespace, labels, is_patched in [
        ("default", {}, True),
        ("kube-system", {}, False),
        ("kube-system-2", {}, True),
        ("default", {"cnpg.io/cluster": "any"}, False),
        ("default", {"application": "spilo"}, False),
        ("default", {"application": "other"}, True),
        ("default", {"strimzi.io/cluster": "kafka"}, False),
        ("default", {"aerospike.com/cr": "a"}, False),
        ("default", {"nifi_cr": "n"}, False),
        ("default", {"olm.catalogSource": "c"}, False),
        ("default", {"app": "longhorn-manager"}, False),
        ("default", {"app": "longhorn-ui"}, True),
        ("default", {"kubevirt.io": "virt-launcher"}, False),
        ("default", {"kubevirt.io": "virt-api"}, True),
        ("default", {"k8s-proxy-image-swapper/skip": "true"}, False),
    ]:
        review["request"]["namespace"] = review["request"]["object"]["metadata"]["namespace"] = namespace
        review["request"]["object"]["metadata"]["labels"] = labels
        answer = run(os.environ["PISW_MUTATE"], "--config", path, input=json.dumps(review)).stdout
        if ('"patch"' in answer) != is_patched:
            wrong.append(f"{namespace} {labels}: {answer}")
    os.remove(path)
    return wrong


def lints():
    """Findings of Helm's linter, without its advice to add an icon."""
    import asyncio  # only this function needs it
    import helm_sdkpy
    configuration = helm_sdkpy.Configuration(kubeconfig="apiVersion: v1\nkind: Config\n")
    result = asyncio.run(helm_sdkpy.Lint(configuration).run(os.path.join(HERE, "../../chart")))
    assert result["TotalChartsLinted"] == 1, result
    # Severity 1 is advice.
    return [each for each in result["Messages"] if each["Severity"] > 1] + (result["Errors"] or [])


def old_clusters():
    """Kubernetes 1.20 has policy/v1beta1 instead of policy/v1, and no autoscaling/v2."""
    rendered = render(PROXY, minor=20)
    version = rendered.one("PodDisruptionBudget")["apiVersion"]
    return [] if version == "policy/v1beta1" else [version]


def main():
    folder = sys.argv[1]
    if len(sys.argv) == 3:
        print(render(MATRIX[sys.argv[2]]).text)
        return 0
    rendered = {}
    for name, values in MATRIX.items():
        rendered[name] = render(values)
        with open(f"{folder}/{name}.yaml", "w", encoding="utf-8") as file:
            file.write(rendered[name].text)
    results = [
        check("Helm's linter finds nothing", lints),
        *(check(f"the manifests of {len(MATRIX)} sets of values fit the schemas of Kubernetes 1.{minor}",
                fits_kubernetes, minor) for minor in range(25, 38)),
        check("Kubernetes 1.20 gets API versions that it has", old_clusters),
        check("checkov finds nothing unexplained", passes_checkov, folder),
        check("Prometheus fires each alert when it should, and only then", alerts_fire, rendered, folder),
        check("pisw accepts the configuration of each manifest", pisw_accepts_configurations, folder, rendered),
        check("the default configuration leaves alone kube-system and pods of operators that compare images",
              default_exclusions, folder, rendered),
    ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
