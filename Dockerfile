# syntax=docker/dockerfile:1
# One image for the scheduler, the workers, the dashboard and `regsearch` itself; docker-compose.yml runs them.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 TF_CPP_MIN_LOG_LEVEL=3

# What Dask gathers for its pages, 50 times a second and process, nobody looks at here: a scheduler, a nanny and two
# workers that waited took 11 percent of a core, and 1.2 without. As on a local cluster (search/execution).
ENV DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL=1s \
    DASK_DISTRIBUTED__ADMIN__TICK__LIMIT=60s \
    DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL=5s \
    DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED=false \
    DASK_DISTRIBUTED__WORKER__MEMORY__MONITOR_INTERVAL=1s

# The source is mounted, not copied: only what is installed stays in the image.
RUN --mount=type=bind,target=/source,rw --mount=type=cache,target=/var/cache/pip \
    pip install --disable-pip-version-check --cache-dir /var/cache/pip --constraint /source/constraints.txt /source

RUN useradd --uid 1000 --create-home regsearch
USER regsearch
WORKDIR /work
ENTRYPOINT ["regsearch"]
CMD ["--help"]
