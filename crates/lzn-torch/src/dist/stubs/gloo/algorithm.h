// Stands in for a header of gloo, of which c10d uses nothing here: see context.h.
#pragma once
