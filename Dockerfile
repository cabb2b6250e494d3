# One image has two commands: `operator` (the control plane) and `job-runner` (the data plane). The image runs as any
# user, with a read-only root file system.
#
#   docker build -t batch-upload .
#
# BASE is an image with Node 24, the version that package.json asks for. A base may also hold /app/node_modules with a
# copy of the lock file from which they were installed; then the build needs no network (test/cluster/image.sh makes
# such a base).
ARG BASE=node:24-slim

# This stage bundles the runner and its packages into a few compiled files, so that a pod starts in half of the CPU
# time.
FROM ${BASE} AS runner
WORKDIR /app
COPY package.json package-lock.json ./
RUN cmp -s package-lock.json installed-lock.json || npm ci --ignore-scripts --no-audit --no-fund
COPY api api
COPY common common
COPY ledger ledger
COPY s3 s3
COPY job-runner job-runner
RUN node job-runner/bundle/build.ts dist

# This stage builds the staff page. With PAGE=built the context holds the built page: the tools of its build are hundreds of
# packages that nothing runs later, and a base without them needs no network (test/cluster/image.sh).
FROM runner AS page
ARG PAGE=source
COPY tsconfig.json ./
COPY page page
RUN [ "$PAGE" = built ] || { rm -rf page/dist && node_modules/.bin/vite build page; }
RUN test -f page/dist/index.html

FROM ${BASE}
ENV NODE_ENV=production
WORKDIR /app

RUN printf '#!/bin/sh\nexec node /app/operator/main.ts "$@"\n' >/usr/local/bin/operator && \
    printf '#!/bin/sh\nexec node /app/dist/main.cjs "$@"\n' >/usr/local/bin/job-runner && \
    chmod 755 /usr/local/bin/operator /usr/local/bin/job-runner

COPY package.json package-lock.json ./
# Optional packages are the Node binary for development machines and native add-ons that nothing here uses.
RUN cmp -s package-lock.json installed-lock.json || \
    { npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund && npm cache clean --force; }

# The sources are copied last, so that a changed source costs a layer of a few megabytes.
COPY --from=runner /app/dist dist
COPY api api
COPY common common
COPY kube kube
COPY ledger ledger
COPY s3 s3
COPY job-runner job-runner
COPY operator operator
COPY page/texts page/texts
COPY page/views/explain-code.ts page/views/explain-upload.ts page/views/fault-groups.ts page/views/upload-state.ts page/views/
COPY --from=page /app/page/dist page/dist

# Types are stripped and code is compiled once, in the image, so that the operator starts in half the time.
ENV NODE_COMPILE_CACHE=/app/compile-cache
RUN operator print-migrations >/dev/null && node -e 'import("/app/operator/run-gateway.ts")' && \
    chmod -R a+rX "$NODE_COMPILE_CACHE"

USER 65532:65532
ENTRYPOINT []
CMD ["operator"]
