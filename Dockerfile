# docker build -t bramble . && docker run -p 1883:1883 bramble
# Another configuration: docker run -v ./my.conf:/etc/bramble/bramble.conf:ro ...
# What the broker keeps, beyond the container: docker run -v bramble:/var/lib/bramble ...

FROM debian:bookworm-slim AS build
WORKDIR /src
COPY tools/setup tools/
RUN tools/setup --build
COPY . .
RUN cmake --preset release -DBRAMBLE_TESTS=OFF -DBRAMBLE_BENCH=OFF \
 && cmake --build --preset release --target bramble \
 && strip build/release/bin/bramble

FROM debian:bookworm-slim
COPY --from=build /src/tools/setup /tmp/tools/
RUN /tmp/tools/setup --runtime \
 && rm -rf /tmp/tools /var/lib/apt/lists/* \
 && useradd --system --uid 1883 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin bramble \
 && install -d -m 700 -o bramble -g bramble /var/lib/bramble
COPY --from=build /src/build/release/bin/bramble /usr/bin/bramble
COPY configs/docker/bramble.conf /etc/bramble/bramble.conf
USER bramble
VOLUME /var/lib/bramble
EXPOSE 1883
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/bramble"]
CMD ["-c", "/etc/bramble/bramble.conf"]
