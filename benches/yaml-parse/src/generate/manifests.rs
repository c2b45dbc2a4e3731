//! The generator of `manifests`: a bundle of Kubernetes definitions as passed to `kubectl`, one document after another.

use super::random::Random;

const NAMES: [&str; 8] = ["front", "cart", "search", "billing", "mail", "login", "stock", "audit"];

/// Writes one document.
pub(super) fn manifest(index: u64, random: &mut Random, out: &mut String) {
    let app = random.pick(&NAMES);
    let (replicas, port) = (1 + random.below(9), 8000 + random.below(1000));
    let memory = 64 << random.below(5);
    out.push_str(&match index % 3 {
        0 => format!(
            "---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {app}-{index}
  namespace: shop
  labels: {{app: {app}, tier: backend}}
  annotations:
    example.com/checksum: \"{:016x}\"
spec:
  replicas: {replicas}
  selector:
    matchLabels:
      app: {app}
  template:
    spec:
      containers:
        - name: {app}
          image: registry.example.com/shop/{app}:v1.{index}
          args: [\"--listen=:{port}\", \"--log-format=json\"]
          ports:
            - containerPort: {port}
              protocol: TCP
          resources:
            requests: {{cpu: 100m, memory: {memory}Mi}}
            limits: {{cpu: 500m, memory: {memory}Mi}}
          env:
            - name: DATABASE_URL
              valueFrom:
                secretKeyRef:
                  name: {app}-database
                  key: url
",
            random.next()
        ),
        1 => format!(
            "---
apiVersion: v1
kind: Service
metadata:
  name: {app}-{index}
  namespace: shop
spec:
  selector:
    app: {app}
  ports:
    - name: http
      port: 80
      targetPort: {port}
"
        ),
        _ => format!(
            "---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {app}-{index}
  namespace: shop
data:
  replicas: \"{replicas}\"
  config.toml: |
    [server]
    listen = \"0.0.0.0:{port}\"
    workers = {replicas}

    [cache]
    size = \"{memory}MiB\"
"
        ),
    });
}
