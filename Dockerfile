# One image for control workers, hosts and the command line.
ARG NODE_IMAGE=node:20.20.2-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /muster
COPY package.json package-lock.json .npmrc ./
# Not `npm ci`: npm leaves the versions of other platforms' optional packages out of the lockfile, and then refuses it.
RUN npm install --no-save --loglevel=error
COPY . .
RUN npm run --silent build \
 && npm prune --omit=dev --no-save --loglevel=error \
 && find node_modules/@temporalio/core-bridge/releases -mindepth 1 -maxdepth 1 ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -rf {} + \
 && rm -rf dist/test

FROM ${NODE_IMAGE}
RUN useradd --create-home --uid 10001 muster \
 && mkdir /var/lib/muster && chown muster: /var/lib/muster
COPY --from=build /muster/package.json /opt/muster/
COPY --from=build /muster/node_modules /opt/muster/node_modules
COPY --from=build /muster/dist /opt/muster/dist
RUN ln -s /opt/muster/dist/cli/main.js /usr/local/bin/muster && chmod +x /opt/muster/dist/cli/main.js
USER muster
VOLUME /var/lib/muster
# The agent must not be PID 1, or nobody takes in what its programs leave behind: run with --init.
ENTRYPOINT ["muster"]
