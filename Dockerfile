# syntax=docker/dockerfile:1
# One image for the scheduler, the workers, the dashboard and `regsearch` itself; docker-compose.yml runs them.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 TF_CPP_MIN_LOG_LEVEL=3

# The source is mounted, not copied: only what is installed stays in the image.
RUN --mount=type=bind,target=/source,rw --mount=type=cache,target=/var/cache/pip \
    pip install --disable-pip-version-check --cache-dir /var/cache/pip --constraint /source/constraints.txt /source

RUN useradd --uid 1000 --create-home regsearch
USER regsearch
WORKDIR /work
ENTRYPOINT ["regsearch"]
CMD ["--help"]
