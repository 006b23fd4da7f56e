"""Prints a stream of Deployments, each with two images and about a thousand bytes: deployments.py COUNT"""

import sys

for number in range(int(sys.argv[1])):
    print(f"""---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-{number}
  namespace: team-{number % 40}
  labels:
    app.kubernetes.io/name: app-{number}
    app.kubernetes.io/part-of: shop
    app.kubernetes.io/managed-by: a-robot
spec:
  replicas: 3
  selector:
    matchLabels:
      app.kubernetes.io/name: app-{number}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: app-{number}
    spec:
      serviceAccountName: app-{number}
      initContainers:
        - name: migrate
          image: "bitnami/migrate:{number % 7}.2"
          args: ["up", "--all"]
      containers:
        # what serves
        - name: web
          image: nginx:1.{number % 30}
          ports:
            - containerPort: 8080
              name: http
          env:
            - name: LOG_LEVEL
              value: info
          readinessProbe:
            httpGet:
              path: /healthz
              port: http
          resources:
            requests: {{cpu: 100m, memory: 64Mi}}
            limits: {{memory: 128Mi}}""")
