# docker build -t bramble . && docker run --name bramble -p 1883:1883 -v bramble:/var/lib/bramble bramble
# The first start prints a user and his password. docs/docker.md has the rest: variables, TLS, mosquitto.conf, other
# architectures.

# For another architecture than the builder's it is cross compiled, by the preset of that name: never emulated.
FROM --platform=$BUILDPLATFORM debian:bookworm-slim AS build
ARG TARGETARCH
WORKDIR /src
COPY tools/setup tools/
RUN [ "${TARGETARCH:=$(dpkg --print-architecture)}" = "$(dpkg --print-architecture)" ] && as=build || as=$TARGETARCH; \
    tools/setup --$as
COPY . .
RUN [ "${TARGETARCH:=$(dpkg --print-architecture)}" = "$(dpkg --print-architecture)" ] && as=release || as=$TARGETARCH; \
    cmake --preset $as -DBRAMBLE_TESTS=OFF -DBRAMBLE_BENCH=OFF -DCMAKE_EXE_LINKER_FLAGS=-s \
 && cmake --build --preset $as --target bramble bramble-ctl bramble-passwd \
 && cd build/$as/bin && install -D -t /out/usr/bin bramble bramble-ctl bramble-passwd

FROM debian:bookworm-slim
COPY --from=build /src/tools/setup /tmp/tools/
# What apt leaves behind is no use here. The folders are what volumes are mounted on: a new volume takes their owner.
# 1883 is Mosquitto's uid in its own image, too, so its data can be read.
RUN /tmp/tools/setup --runtime \
 && rm -rf /tmp/tools /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/lib/dpkg/*-old \
      /var/log/apt /var/log/dpkg.log /var/log/alternatives.log \
 && groupadd --system --gid 1883 bramble \
 && useradd --system --uid 1883 --gid 1883 --no-log-init --no-create-home --home-dir /nonexistent \
      --shell /usr/sbin/nologin bramble \
 && install -d /etc/bramble \
 && install -d -m 700 -o bramble -g bramble /var/lib/bramble \
 && install -d -o bramble -g bramble /mosquitto/config /mosquitto/data /mosquitto/log
COPY --from=build /out/ /
LABEL org.opencontainers.image.title="Bramble" \
      org.opencontainers.image.description="A multithreaded MQTT broker that reads mosquitto.conf" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
USER 1883:1883
# Only what the broker makes. /etc/bramble is none: Compose would carry an anonymous volume there, with the old
# configuration in it, into the container of the next image.
VOLUME /var/lib/bramble
EXPOSE 1883 8883 8083 9001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["/usr/bin/bramble-ctl", "ping", "--container"]
ENTRYPOINT ["/usr/bin/bramble", "--container"]
