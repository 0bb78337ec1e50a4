# The image that the action runs in (action.yml), and that a release publishes.
# The base is named by tag: a build takes Debian's and Python's latest fixes. What a release runs is fixed by digest.
FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements/build.txt requirements/runtime.txt ./
RUN python -m venv tools \
 && tools/bin/pip install --no-cache-dir --require-hashes -r build.txt \
 && python -m venv --copies --without-pip /opt/dynatus \
 && tools/bin/pip --python /opt/dynatus/bin/python install --no-cache-dir --require-hashes -r runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY dynatus_ci dynatus_ci
# Without an index: the locks above are all that ever comes from the network.
RUN tools/bin/pip wheel --no-cache-dir --no-index --no-deps --no-build-isolation --wheel-dir dist . \
 && tools/bin/pip --python /opt/dynatus/bin/python install --no-cache-dir --no-index --no-deps dist/*.whl
# What is never used goes. botocore describes more than 400 services in 29 MB; those that are called stay: the product's
# own, and those that give credentials (sts, sso, sso-oidc, signin). rich needs pygments for source code alone. The
# interpreter comes below. tests/contract/test_image.py compares what goes with the code.
WORKDIR /opt/dynatus/lib/python3.13/site-packages
RUN find botocore/data -mindepth 1 -maxdepth 1 -type d \
      ! -name application-autoscaling ! -name cloudformation ! -name cloudwatch ! -name dynamodb ! -name kms \
      ! -name signin ! -name sso ! -name sso-oidc ! -name sts -exec rm -rf {} + \
 && rm -rf pygments pygments-*.dist-info /opt/dynatus/bin/python* \
 && ln -s python /opt/dynatus/bin/python3

FROM python:3.13-slim
LABEL org.opencontainers.image.title="Dynatus CI" \
      org.opencontainers.image.description="Plan, review and apply DynamoDB tables that live as EDN, JSON or YAML files in a repository." \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/dynatus /opt/dynatus
COPY entrypoint.py /app/
# The base image comes without the standard library's bytecode: what a run imports, soon or late, is compiled once, here.
# The interpreter belongs to another group and takes it on (g+s). For such a program the dynamic linker ignores
# LD_LIBRARY_PATH and LD_PRELOAD (ld.so(8)), and OpenSSL ignores OPENSSL_CONF (secure_getenv(3)): where a job sets them,
# no library of the workspace is loaded.
RUN cp -L /usr/local/bin/python /opt/dynatus/bin/python \
 && /opt/dynatus/bin/python -I -c "import dynatus_ci.action.apply, dynatus_ci.action.plan, dynatus_ci.aws.connection, dynatus_ci.cli, \
dynatus_ci.definitions.edn, dynatus_ci.definitions.json_reader, dynatus_ci.definitions.yaml_reader, dynatus_ci.engine.table_loop, dynatus_ci.iam, \
dynatus_ci.importer, dynatus_ci.report.drawing, dynatus_ci.table.validation.json_schema, boto3, jinja2" \
 && chgrp nogroup /opt/dynatus/bin/python \
 && chmod g+s /opt/dynatus/bin/python
# No USER: the workspace and the runner's files belong to root in here, as GitHub's rules for actions ask.
# Exec form: a shell would drop the inputs with a hyphen.
# Isolated (-I): the job's PYTHON* variables are for its own programs, and no file of the workspace is imported.
# What those variables would have set is said here instead: no bytecode (-B), no buffer (-u), UTF-8.
ENTRYPOINT ["/opt/dynatus/bin/python", "-I", "-B", "-u", "-X", "utf8", "/app/entrypoint.py"]
