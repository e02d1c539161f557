# The tag names the major and the distribution; for a build that repeats, give a digest: --build-arg NODE_IMAGE=node:24-bookworm-slim@sha256:...
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.js scripts/
COPY src src
RUN npm run build

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --omit=peer --ignore-scripts

FROM ${NODE_IMAGE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="maskline" \
      org.opencontainers.image.description="JSON events off a queue, checked, masked and loaded into Postgres" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}"
# The defaults of maskline.yaml fit a container of 256 MB; Node would take all of it for its heap alone. test/chaos measures with these options.
# With more memory and a larger limits.held_bytes, raise the first.
ENV NODE_ENV=production \
    NODE_OPTIONS="--max-old-space-size=128 --max-semi-space-size=8"
# The user has a name because some libraries look it up. A new named volume on /keys takes over the owner of the folder.
# Package managers have no work here.
RUN echo 'maskline:x:65532:' >> /etc/group \
 && echo 'maskline:x:65532:65532::/work:/usr/sbin/nologin' >> /etc/passwd \
 && mkdir -p /app /keys /work \
 && chown 65532:65532 /keys /work \
 && chmod 0700 /keys \
 && rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
           /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn-*
# Without src, bin/maskline.js runs dist.
COPY --from=dependencies /build/node_modules /app/node_modules
COPY --from=build /build/dist /app/dist
COPY --chmod=0755 bin/maskline.js bin/runtime-options.js /app/bin/
COPY --chmod=0644 package.json /app/
# maskline.yaml and keyring.json are mounted here. A key ring file is its owner's alone: mount one of your own with --user "$(id -u):$(id -g)".
WORKDIR /work
USER 65532:65532
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/bin/maskline.js"]
CMD ["run"]
