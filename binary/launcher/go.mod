module deepsort

go 1.22
